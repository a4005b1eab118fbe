"""Annotations of labelling tools (COCO, LabelMe, Label Studio, CVAT, ImageJ) as masks: a reader a tool."""
