"""The frozen world: a small policy and PRM whose every distribution and score is computed once and kept in tries."""
