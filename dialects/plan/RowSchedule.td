// How a row program is run, independent of the target: an attribute of plan.kernel.
#ifndef PLAN_ROW_SCHEDULE_TD
#define PLAN_ROW_SCHEDULE_TD

include "dialects/plan/PlanBase.td"

def Plan_Place : Plan_Enum<"Place", "where a value of one sweep is found in a later one", [
  I32EnumAttrCase<"none", 0>,      // used in one sweep only
  I32EnumAttrCase<"registers", 1>, // rows of at most 64 columns: the whole row is unrolled
  I32EnumAttrCase<"scratch", 2>,   // a row of the worker's scratch
  I32EnumAttrCase<"recompute", 3>, // computed again from values that are there
  I32EnumAttrCase<"reread", 4>]>;  // read again from its operand, or from the result it was written to

def Plan_RowScheduleAttr : AttrDef<Plan_Dialect, "RowSchedule"> {
  let mnemonic = "row_schedule";
  let summary = "Sweeps, places, chunks and launch geometry of a row program";
  let description = [{
    `sweep` and `place` have one element per op of the program, in order. `sweep` is the one in which an op is first
    evaluated, or -1 for an op that nothing needs; scalars of a row are evaluated before their sweep. What depends on
    column reductions runs after all rows, in a stage of its own (sweep = number of sweeps).

    * `flat`: rows and columns are one range; `item` counts elements, otherwise rows.
    * `chunk_rows`: rows whose column reductions are one partial result; an item is then a chunk. 0: none.
    * `partial`: offset in bytes of the partial results of each column reduction, in program order.
    * `threads`, `block_rows`: launch geometry of targets with blocks: threads, and rows (segments) of one block.
  }];
  let parameters = (ins "int64_t":$sweeps, "bool":$flat, "bool":$unrolled, "int64_t":$item, "int64_t":$chunk_rows,
                        "int64_t":$threads, "int64_t":$block_rows,
                        ArrayRefParameter<"int64_t">:$sweep, ArrayRefParameter<"int64_t">:$place,
                        OptionalArrayRefParameter<"int64_t">:$partial);
  let assemblyFormat = [{
    `<` `sweeps` `=` $sweeps `,` `flat` `=` $flat `,` `unrolled` `=` $unrolled `,` `item` `=` $item `,`
    `chunk_rows` `=` $chunk_rows `,` `threads` `=` $threads `,` `block_rows` `=` $block_rows `,`
    `sweep` `=` `[` $sweep `]` `,` `place` `=` `[` $place `]` (`,` `partial` `=` `[` $partial^ `]`)? `>`
  }];
}

#endif // PLAN_ROW_SCHEDULE_TD
