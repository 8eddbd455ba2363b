//! The templates of paths, as traces name routes: few, whatever is asked for.

use super::route::Call;

impl Call<'_> {
    /// The path with placeholders for what differs between requests.
    pub(super) fn template(&self) -> &'static str {
        match self {
            Self::Live => "/v2/health/live",
            Self::Ready => "/v2/health/ready",
            Self::Server => "/v2",
            Self::Model { version, .. } if version.is_empty() => "/v2/models/{model}",
            Self::Model { .. } => "/v2/models/{model}/versions/{version}",
            Self::ModelReady { version, .. } if version.is_empty() => "/v2/models/{model}/ready",
            Self::ModelReady { .. } => "/v2/models/{model}/versions/{version}/ready",
            Self::Infer { version, .. } if version.is_empty() => "/v2/models/{model}/infer",
            Self::Infer { .. } => "/v2/models/{model}/versions/{version}/infer",
            Self::Statistics { name, .. } if name.is_empty() => "/v2/models/stats",
            Self::Statistics { version, .. } if version.is_empty() => "/v2/models/{model}/stats",
            Self::Statistics { .. } => "/v2/models/{model}/versions/{version}/stats",
            Self::Configuration { version, .. } if version.is_empty() => "/v2/models/{model}/config",
            Self::Configuration { .. } => "/v2/models/{model}/versions/{version}/config",
            Self::RepositoryIndex => "/v2/repository/index",
            Self::RepositoryChange { call: "load", .. } => "/v2/repository/models/{model}/load",
            Self::RepositoryChange { .. } => "/v2/repository/models/{model}/unload",
            Self::Endpoint { .. } => "/v1/endpoints/{endpoint}",
            Self::Score { .. } => "/v1/endpoints/{endpoint}/score",
            Self::Feedback => "/v1/feedback",
            Self::Metrics => "/metrics",
            Self::Ping => "/ping",
            Self::Version => "/version",
            Self::Invocations => "/invocations",
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::super::route;

    #[test]
    fn a_template_with_names_in_it_leads_to_its_own_call() {
        let paths = [
            "/v2/health/live",
            "/v2/health/ready",
            "/v2",
            "/v2/models/m",
            "/v2/models/m/versions/1",
            "/v2/models/m/ready",
            "/v2/models/m/versions/1/ready",
            "/v2/models/m/infer",
            "/v2/models/m/versions/1/infer",
            "/v2/models/stats",
            "/v2/models/m/stats",
            "/v2/models/m/versions/1/stats",
            "/v2/models/m/config",
            "/v2/models/m/versions/1/config",
            "/v2/repository/index",
            "/v2/repository/models/m/load",
            "/v2/repository/models/m/unload",
            "/v1/endpoints/e",
            "/v1/endpoints/e/score",
            "/v1/feedback",
            "/metrics",
            "/ping",
            "/version",
            "/invocations",
        ];
        for path in paths {
            let calls = [Method::GET, Method::POST].map(|method| route::call(&method, path));
            let call = calls.into_iter().find_map(Result::ok).unwrap();
            let named =
                call.template().replace("{model}", "m").replace("{version}", "1").replace("{endpoint}", "e");
            assert_eq!(named, path);
        }
    }
}
