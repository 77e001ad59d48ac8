"""Using trained networks: a run or a checkpoint becomes one object that tells what raw clips show."""
