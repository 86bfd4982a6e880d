"""Kedro reads this; the defaults will do."""
