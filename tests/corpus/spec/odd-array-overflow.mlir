module attributes {odd = array<i32: 99999999999999999999>} {}
