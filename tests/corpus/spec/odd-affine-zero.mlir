module attributes {odd = affine_map<(d0) -> (d0 floordiv 0)>} {}
