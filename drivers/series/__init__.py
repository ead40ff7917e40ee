"""Values that stretch over time and come from elsewhere: fetched, put on quarter-hours, kept over restarts."""
