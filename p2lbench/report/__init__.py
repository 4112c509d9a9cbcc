"""A leaderboard as tables, exports and figures."""
