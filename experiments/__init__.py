"""What people run: the commands, and the problem sets, configs, runs, analyses and reports behind them."""
