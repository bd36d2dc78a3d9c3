module attributes {odd = affine_map<(d0) -> (9223372036854775807 * d0 * 9223372036854775807)>} {}
