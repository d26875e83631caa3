"""Operators: one public function each, a reference in plain torch that defines it, and fast back-ends that agree."""
