// MLIR's parser must refuse or take it: a location that refers to what is not there.
module attributes {odd = loc("a":99999999999999:1)} {}
