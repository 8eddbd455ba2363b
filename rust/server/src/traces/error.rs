//! Why there can be no traces with the settings that were given.

/// Why spans can't be exported. Nothing is served when it is returned, and no header's value is shown.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// No URL of HTTP.
    #[error("traces.endpoint '{0}' must be http://host:port or https://host:port, with or without a path")]
    Endpoint(String),
    /// Not between 0 and 1.
    #[error("traces.sample_ratio is {0}; expected a number from 0 to 1")]
    Ratio(f64),
    /// No time.
    #[error("traces.timeout_seconds is {0}; expected seconds, more than 0")]
    Timeout(f64),
    /// The file of headers can't be read.
    #[error("traces.headers_file: the file can't be read: {0}")]
    Read(#[source] std::io::Error),
    /// Everybody on the machine can read it.
    #[error(
        "traces.headers_file: the file has mode {0:03o}; others than its owner and group can use it: chmod 600"
    )]
    Open(u32),
    /// A line is no header.
    #[error("traces.headers_file: line {0} is not 'name: value'")]
    Header(usize),
    /// The system's certificates can't be read, and an https endpoint needs them.
    #[error("traces.endpoint is https, and the system's certificates can't be read: {0}")]
    Roots(#[source] std::io::Error),
    /// A thread or its event loop can't be started.
    #[error("the exporter of traces can't be started: {0}")]
    Thread(#[source] std::io::Error),
}
