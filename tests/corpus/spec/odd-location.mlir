module attributes {odd = loc("a":99999999999999:1)} {}
