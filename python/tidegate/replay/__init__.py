"""A recorded data set through the real processes in order of time: gates, drift, diversion, retraining."""
