"""The face for operators: health, doctor, serving."""
