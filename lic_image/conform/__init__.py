"""`lic conform`: whether an image codec with CompressAI's interface, anyone's, keeps what a codec promises.

`targets` makes the codec, `calibration` gives an untrained one weights with which there is something to test,
`checks` are the promises, `children` runs each in a process of its own, `table` shows what came out.
"""
