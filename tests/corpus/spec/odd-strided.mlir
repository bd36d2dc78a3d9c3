module attributes {odd = strided<[9223372036854775807], offset: ?>} {}
