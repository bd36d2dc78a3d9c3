// Kind `window`: shift, unfold, fold, window_tail on [B, S, C]. One item is kRowTile rows, but a
// whole batch element for window_tail.
//
// In place: window_tail over its history (row j is copied from row j + count, in ascending order,
// by one item). The others read neighbours and may not.
#include "compiler/codegen/KernelEmitter.h"

using namespace mlir;
using namespace mlir::hydra;

namespace {

Value equals(KernelEmitter &e, Value a, int64_t c) {
  return arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, a, e.index(c));
}
Value negative(KernelEmitter &e, Value a) { return e.less(a, e.index(0)); }

LogicalResult emitShift(ShiftOp op, KernelEmitter &e) {
  ArrayRef<int64_t> shape = tensorType(op.getX()).getShape();
  int64_t sequence = shape[1], channels = shape[2], from = op.getFromChannel();
  int64_t width = channels - from;
  Value x = e.pointer(op.getX()), result = e.pointer(op.getResult());
  int64_t step = op.getReverse() ? 1 : -1, edge = op.getReverse() ? sequence - 1 : 0;
  e.rows(shape[0] * sequence, Value(), [&](Value row) {
    Value start = e.mul(row, channels), delayed = e.add(start, from);
    e.copy(x, start, result, start, from, e.f32());
    Value atEdge = equals(e, e.rem(row, sequence), edge);
    e.ifThen(atEdge, [&] {
      if (op.getHistory())
        e.copy(e.pointer(op.getHistory()), e.mul(e.div(row, sequence), width), result, delayed,
               width, e.f32());
      else
        e.fill(result, delayed, width, e.splat(0.0));
    });
    Value inside =
        arith::XOrIOp::create(e.b, atEdge, arith::ConstantOp::create(e.b, e.b.getBoolAttr(true)));
    e.ifThen(inside,
             [&] { e.copy(x, e.add(delayed, step * channels), result, delayed, width, e.f32()); });
  });
  return success();
}

// Lane masks that pick from `width` vectors of consecutive elements those of an interleaved one.
// Output vector `part` holds elements part*16 .. part*16+15 of (channel, m) pairs, m fastest.
Value interleaveLanes(KernelEmitter &e, ArrayRef<Value> vectors, int64_t part) {
  auto width = static_cast<int64_t>(vectors.size());
  Value result = vectors[0];
  for (int64_t m = 0; m < width; ++m) {
    SmallVector<int64_t> mask;
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      int64_t element = part * kLanes + lane;
      // The first round places every lane; later ones replace those of their m.
      bool mine = m == 0 || element % width == m;
      mask.push_back(mine ? kLanes + element / width : lane);
    }
    result = e.shuffle(result, vectors[m], mask);
  }
  return result;
}

// The inverse: lanes m, m + width, m + 2 width, ... of `width` consecutive vectors.
Value deinterleaveLanes(KernelEmitter &e, ArrayRef<Value> vectors, int64_t m) {
  auto width = static_cast<int64_t>(vectors.size());
  Value result = vectors[0];
  for (int64_t part = 0; part < width; ++part) {
    SmallVector<int64_t> mask;
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      int64_t element = lane * width + m;
      mask.push_back(element / kLanes == part ? kLanes + element % kLanes : lane);
    }
    result = e.shuffle(result, vectors[part], mask);
  }
  return result;
}

// Blocks of 16 channels, the last one with `count` < 16 channels: body(first channel, count).
void channelBlocks(KernelEmitter &e, int64_t channels,
                   llvm::function_ref<void(Value, int64_t)> body) {
  int64_t whole = channels / kLanes * kLanes;
  if (whole > 0)
    e.loop(e.index(0), e.index(whole), kLanes, [&](Value channel) { body(channel, kLanes); });
  if (whole < channels)
    body(e.index(whole), channels - whole);
}

LogicalResult emitUnfold(UnfoldOp op, KernelEmitter &e) {
  ArrayRef<int64_t> shape = tensorType(op.getX()).getShape();
  int64_t sequence = shape[1], channels = shape[2], width = op.getWidth();
  Value x = e.pointer(op.getX()), result = e.pointer(op.getResult());
  e.rows(shape[0] * sequence, Value(), [&](Value row) {
    Value token = e.rem(row, sequence), batch = e.div(row, sequence);
    // Where each of the `width` source rows starts, and whether it exists.
    SmallVector<Value> starts, sources, missing;
    for (int64_t m = 0; m < width; ++m) {
      Value offset = e.add(token, m - (width - 1));
      Value before = negative(e, offset);
      Value inside = e.mul(e.add(e.mul(batch, sequence), e.max(offset, e.index(0))), channels);
      if (op.getHistory() && width > 1) {
        // Row offset + w - 1 of the history, read only if offset < 0.
        Value past =
            e.add(e.mul(batch, width - 1), e.min(e.add(offset, width - 1), e.index(width - 2)));
        starts.push_back(e.select(before, e.mul(past, channels), inside));
        sources.push_back(e.select(before, e.pointer(op.getHistory()), x));
        missing.push_back(Value());
      } else {
        starts.push_back(inside);
        sources.push_back(x);
        missing.push_back(m == width - 1 ? Value() : before);
      }
    }
    Value target = e.mul(row, channels * width);
    channelBlocks(e, channels, [&](Value channel, int64_t count) {
      SmallVector<Value> vectors;
      for (int64_t m = 0; m < width; ++m) {
        Value value = e.load(sources[m], e.add(starts[m], channel), e.staticMask(count));
        vectors.push_back(missing[m] ? e.select(missing[m], e.splat(0.0), value) : value);
      }
      Value block = e.add(target, e.mul(channel, width));
      for (int64_t part = 0; part * kLanes < count * width; ++part)
        e.store(interleaveLanes(e, vectors, part), result, e.add(block, part * kLanes),
                e.staticMask(count * width - part * kLanes));
    });
  });
  return success();
}

LogicalResult emitFold(FoldOp op, KernelEmitter &e) {
  ArrayRef<int64_t> shape = tensorType(op.getResult()).getShape();
  int64_t sequence = shape[1], channels = shape[2], width = op.getWidth();
  Value y = e.pointer(op.getY());
  e.rows(shape[0] * sequence, Value(), [&](Value row) {
    Value token = e.rem(row, sequence), batch = e.div(row, sequence);
    Value target = e.mul(row, channels);
    channelBlocks(e, channels, [&](Value channel, int64_t count) {
      Value sum = e.splat(0.0);
      for (int64_t m = 0; m < width; ++m) {
        Value offset = e.add(token, width - 1 - m);
        Value inside = e.less(offset, e.index(sequence));
        Value source = e.add(e.mul(batch, sequence), e.min(offset, e.index(sequence - 1)));
        Value start = e.add(e.mul(source, channels * width), e.mul(channel, width));
        // Null values first: g++ cannot know that width >= 1 and warns of the first element.
        SmallVector<Value> vectors(width);
        for (int64_t part = 0; part < width; ++part) {
          int64_t left = count * width - part * kLanes;
          vectors[part] =
              left <= 0 ? e.splat(0.0) : e.load(y, e.add(start, part * kLanes), e.staticMask(left));
        }
        Value term = deinterleaveLanes(e, vectors, m);
        sum = e.addf(sum, e.select(inside, term, e.splat(0.0)));
      }
      e.store(sum, e.pointer(op.getResult()), e.add(target, channel), e.staticMask(count));
    });
  });
  return success();
}

LogicalResult emitWindowTail(WindowTailOp op, KernelEmitter &e) {
  ArrayRef<int64_t> shape = tensorType(op.getHistory()).getShape();
  int64_t window = shape[1], channels = shape[2];
  int64_t sequence = tensorType(op.getX()).getShape()[1];
  Value count = e.scalarOperand(op.getCount(), 0);
  count = e.max(e.min(count, e.index(sequence)), e.index(0));
  Value history = e.pointer(op.getHistory()), x = e.pointer(op.getX());
  e.loop(e.begin(), e.end(), 1, [&](Value batch) {
    e.loop(e.index(0), e.index(window), 1, [&](Value row) {
      Value source = e.add(row, count);
      Value isOld = e.less(source, e.index(window));
      Value old = e.add(e.mul(batch, window), source);
      Value fresh = e.add(e.mul(batch, sequence), e.sub(source, e.index(window)));
      Value start = e.mul(e.select(isOld, old, fresh), channels);
      e.copy(e.select(isOld, history, x), start, e.pointer(op.getResult()),
             e.mul(e.add(e.mul(batch, window), row), channels), channels, e.f32());
    });
  });
  return success();
}

} // namespace

void hydra::attachWindowKernels(MLIRContext *context) {
  attachKernel<ShiftOp, emitShift>(context);
  attachKernel<UnfoldOp, emitUnfold>(context);
  attachKernel<FoldOp, emitFold>(context);
  attachKernel<WindowTailOp, emitWindowTail>(context);
}
