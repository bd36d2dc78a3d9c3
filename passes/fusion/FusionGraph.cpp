#include "passes/fusion/FusionGraph.h"

#include "dialects/plan/KernelStructure.h"

#include <set>

using namespace mlir;
using namespace mlir::hydra;

FusionGraph::FusionGraph(Block &block) {
  for (Operation &op : block.without_terminator()) {
    auto cost = dyn_cast<CostOpInterface>(op);
    if (cost && cost.getFusionKind() == FusionKind::alias) {
      aliases.insert(&op);
      continue;
    }
    positions[&op] = ops.size();
    groups[&op] = lists.size();
    ops.push_back(&op);
    lists.push_back({&op});
  }
}

bool FusionGraph::isAlias(Operation *op) const { return aliases.contains(op); }

Value FusionGraph::rootOf(Value value) const {
  while (Operation *op = value.getDefiningOp()) {
    if (!isAlias(op) || op->getNumOperands() == 0)
      break;
    value = op->getOperand(0);
  }
  return value;
}

void FusionGraph::producersOf(Value value, SmallVectorImpl<Operation *> &producers) const {
  Operation *op = value.getDefiningOp();
  if (!op)
    return;
  if (!isAlias(op))
    producers.push_back(op);
  else
    for (Value operand : op->getOperands())
      producersOf(operand, producers);
}

Operation *FusionGraph::producerOf(Value value) const {
  Operation *op = rootOf(value).getDefiningOp();
  return op && !isAlias(op) ? op : nullptr;
}

SmallVector<Operation *> FusionGraph::usersOf(Value value) const {
  SmallVector<Value> pending = {value};
  SmallVector<Operation *> users;
  llvm::DenseSet<Operation *> seen;
  while (!pending.empty())
    for (Operation *user : pending.pop_back_val().getUsers()) {
      if (!seen.insert(user).second)
        continue;
      if (isAlias(user))
        llvm::append_range(pending, user->getResults());
      else
        users.push_back(user);
    }
  llvm::sort(users, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return users;
}

bool FusionGraph::isReadBesides(Value value, const llvm::DenseSet<Operation *> &ops) const {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    if (!isAlias(user))
      return !ops.contains(user);
    return llvm::any_of(user->getResults(),
                        [&](Value result) { return isReadBesides(result, ops); });
  });
}

const std::string &FusionGraph::structureOf(Operation *op) const {
  auto [found, isNew] = structures.try_emplace(op);
  if (isNew)
    found->second = plan::structureOf(op);
  return found->second;
}

void FusionGraph::findEdges() const {
  readers.assign(ops.size(), {});
  for (auto [position, op] : llvm::enumerate(ops)) {
    if (isAlias(op))
      continue;
    for (Value result : op->getResults())
      for (Operation *user : usersOf(result))
        if (auto found = positions.find(user); found != positions.end())
          readers[position].push_back(found->second);
  }
  edgesAreStale = false;
  ranksAreStale = true;
}

void FusionGraph::rank() const {
  groupAt.resize(ops.size());
  for (auto [position, op] : llvm::enumerate(ops))
    groupAt[position] = groups.lookup(op);
  SmallVector<unsigned> waits(lists.size(), 0);
  for (auto [position, list] : llvm::enumerate(readers))
    for (unsigned reader : list)
      waits[groupAt[reader]] += groupAt[reader] != groupAt[position];
  SmallVector<Group> ready;
  for (Group group = 0; group < lists.size(); ++group)
    if (waits[group] == 0)
      ready.push_back(group);
  ranks.assign(lists.size(), 0);
  for (unsigned next = 0; !ready.empty(); ++next) {
    Group group = ready.pop_back_val();
    ranks[group] = next;
    for (Operation *member : lists[group])
      for (unsigned reader : readers[positions.lookup(member)])
        if (groupAt[reader] != group && --waits[groupAt[reader]] == 0)
          ready.push_back(groupAt[reader]);
  }
  ranksAreStale = false;
}

// What hydra.after makes an operand wait for is no value of the region: the region would wait for
// itself.
bool FusionGraph::waitsForItself(ArrayRef<Operation *> members) const {
  SmallVector<Operation *> producers;
  for (Operation *op : members)
    for (Value operand : op->getOperands()) {
      if (Operation *alias = operand.getDefiningOp(); !alias || !isAlias(alias))
        continue;
      producers.clear();
      producersOf(operand, producers);
      Operation *root = producerOf(operand);
      if (llvm::any_of(producers, [&](Operation *producer) {
            return producer != root && llvm::is_contained(members, producer);
          }))
        return true;
    }
  return false;
}

bool FusionGraph::wouldCycle(Group a, Group b) const {
  if (waitsForItself(united(a, b)))
    return true;
  if (edgesAreStale)
    findEdges();
  if (ranksAreStale)
    rank();
  // Only upwards, and through at least one group between them.
  Group from = ranks[a] < ranks[b] ? a : b, to = from == a ? b : a;
  SmallVector<Group> pending = {from};
  llvm::DenseSet<Group> seen;
  while (!pending.empty()) {
    Group group = pending.pop_back_val();
    for (Operation *member : lists[group])
      for (unsigned reader : readers[positions.lookup(member)]) {
        Group next = groupAt[reader];
        if (next == to && group != from)
          return true;
        if (next != group && ranks[next] < ranks[to] && seen.insert(next).second)
          pending.push_back(next);
      }
  }
  return false;
}

SmallVector<Operation *> FusionGraph::united(Group a, Group b) const {
  SmallVector<Operation *> all(lists[a]);
  all.append(lists[b]);
  llvm::sort(all,
             [&](Operation *x, Operation *y) { return positions.lookup(x) < positions.lookup(y); });
  return all;
}

void FusionGraph::merge(Group a, Group b) {
  lists[a] = united(a, b);
  for (Operation *op : lists[b])
    groups[op] = a;
  lists[b].clear();
  ranksAreStale = true;
}

SmallVector<FusionGraph::Group> FusionGraph::order() const {
  SmallVector<llvm::DenseSet<Group>> waitsFor(lists.size());
  SmallVector<llvm::DenseSet<Group>> readers(lists.size());
  for (Operation *op : ops) {
    if (isAlias(op))
      continue;
    Group group = groupOf(op);
    SmallVector<Operation *> producers;
    for (Value operand : op->getOperands())
      producersOf(operand, producers);
    for (Operation *producer : producers)
      if (Group other = groupOf(producer); other != group) {
        waitsFor[group].insert(other);
        readers[other].insert(group);
      }
  }
  std::set<std::pair<unsigned, Group>> ready;
  auto place = [&](Group group) { return positions.lookup(lists[group].back()); };
  for (Group group = 0; group < lists.size(); ++group)
    if (!lists[group].empty() && !isAlias(lists[group].front()) && waitsFor[group].empty())
      ready.insert({place(group), group});
  SmallVector<Group> result;
  while (!ready.empty()) {
    Group group = ready.begin()->second;
    ready.erase(ready.begin());
    result.push_back(group);
    for (Group reader : readers[group])
      if (waitsFor[reader].erase(group) && waitsFor[reader].empty())
        ready.insert({place(reader), reader});
  }
  return result;
}
