"""How the shipped model was made: data in, ``.tflite`` and its card out. Needs TensorFlow; the daemon never does."""
