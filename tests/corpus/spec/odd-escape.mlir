module attributes {odd = "\ZZ"} {}
