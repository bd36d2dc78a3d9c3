// MLIR's parser must refuse or take it: a symbol name with odd characters.
module attributes {odd = @a::@b::@} {}
