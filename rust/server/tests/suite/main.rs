//! The server as its clients see it.

mod generated_code;
