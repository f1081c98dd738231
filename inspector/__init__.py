"""How a stream of frames becomes a report: capture, preprocess, infer, measure, output."""
