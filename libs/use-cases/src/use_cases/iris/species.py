"""The three species and their mean measurements."""

import numpy as np

SPECIES = ("setosa", "versicolor", "virginica")
# Mean of each measurement per species, in centimetres
# (Fisher 1936, "The use of multiple measurements in taxonomic problems", table I).
MEANS = np.array([[5.01, 3.43, 1.46, 0.25], [5.94, 2.77, 4.26, 1.33], [6.59, 2.97, 5.55, 2.03]])
