"""The shortest script that classifies one picture with a TFLite file, as its user would write it.

Usage: python plain_classify.py model.tflite picture.jpg
"""

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

interpreter = Interpreter(sys.argv[1])
interpreter.allocate_tensors()
source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
_, height, width, _ = source["shape"]
image = Image.open(sys.argv[2]).convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
interpreter.set_tensor(source["index"], np.asarray(image, source["dtype"])[None])
interpreter.invoke()
scale, zero_point = result["quantization"]
score = float(interpreter.get_tensor(result["index"])[0, 0])
print(sys.argv[2], (score - zero_point) * scale if scale else score)
