"""What stands around a codec: what is done to a picture before it is coded, and after it is decoded.

    x (B, 3, H, W) ── pre ── picture ── inner codec ── decoded picture ── post ── x_hat
                       └──── hints ──── entropy bottleneck ─────────────────┘

A *pre* says what is sent of a picture (`Sent`): a picture that the inner codec codes, and, where it has any, hints,
which are coded beside it. A *post* makes the picture of what is decoded (`Decoded`). `lic_image.codecs.enveloped` puts
them together around any image codec, ours or a classical one.

    ============  =======================================  ==================================================
    file          pre                                      post
    ============  =======================================  ==================================================
    `pre`         `Whole`, `Downscale`, `Compact`
    `luma`        `Luma`                                   `Colourise`
    `holes`       `Holes`                                  `Inpaint`
    `post`                                                 `AsDecoded`, `Refined`, `ArCnn`, `Restore`
    `scaling`                                              `SuperResolution`
    `green`                                                `GreenGuided`
    ============  =======================================  ==================================================
"""
