"""What a suite costs before it is run: its planned passes, and its time on this machine."""
