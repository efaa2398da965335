"""Where supply is weak while need is high: supply against demand, baskets, opening time, equity, tension index."""
