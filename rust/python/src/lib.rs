//! The extension module: convert, release the GIL, call, map the error.
