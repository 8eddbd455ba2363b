"""Training: recipes, their conversion to ONNX, and probing of foreign models, all in worker processes.

``recipes`` says what to train, ``launch.run_job`` runs it in a child process, ``provenance`` names the code
that ran. scikit-learn, the converter and ONNX Runtime are imported in that child only.
"""
