module attributes {odd = 1 : i16777216} {}
