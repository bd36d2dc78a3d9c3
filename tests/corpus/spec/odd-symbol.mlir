module attributes {odd = @a::@b::@} {}
