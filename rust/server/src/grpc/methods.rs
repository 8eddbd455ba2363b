//! Every method that is answered, and what its caller must be allowed.

use super::status;
use crate::ErrorKind;
use crate::admission::Right;
use crate::fault::Fault;

pub(super) const MODEL_INFER: &str = "/inference.GRPCInferenceService/ModelInfer";
pub(super) const MODEL_STREAM_INFER: &str = "/inference.GRPCInferenceService/ModelStreamInfer";
pub(super) const SCORE: &str = "/tidegate.v1.Tidegate/Score";

/// The right for the method at `path`; `None` where nothing answers.
pub(super) fn right(path: &str) -> Option<Right> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    match (service, method) {
        ("grpc.health.v1.Health", "Check" | "List" | "Watch")
        | ("inference.GRPCInferenceService", "ServerLive" | "ServerReady") => Some(Right::Open),
        (
            "inference.GRPCInferenceService",
            "ModelReady"
            | "ServerMetadata"
            | "ModelMetadata"
            | "ModelConfig"
            | "ModelStatistics"
            | "RepositoryIndex"
            | "RepositoryModelLoad"
            | "RepositoryModelUnload",
        )
        | (
            "grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection",
            "ServerReflectionInfo",
        )
        | ("tidegate.v1.Tidegate", "Drift" | "WatchDeployment") => Some(Right::Look),
        ("inference.GRPCInferenceService", "ModelInfer" | "ModelStreamInfer")
        | ("tidegate.v1.Tidegate", "Score") => Some(Right::Score),
        ("tidegate.v1.Tidegate", "Feedback") => Some(Right::Feedback),
        _ => None,
    }
}

/// Nothing answers at that path; of some it is known why.
pub(super) fn unknown(path: &str) -> Fault {
    never(path).map_or_else(|| status::unknown(path), |why| Fault::new(ErrorKind::UnknownCall, why))
}

/// Why a method of Triton's that is not spoken is not.
fn never(path: &str) -> Option<String> {
    let method = path.strip_prefix("/inference.GRPCInferenceService/")?;
    let why = match method {
        "SystemSharedMemoryStatus"
        | "SystemSharedMemoryRegister"
        | "SystemSharedMemoryUnregister"
        | "CudaSharedMemoryStatus"
        | "CudaSharedMemoryRegister"
        | "CudaSharedMemoryUnregister" => "no memory is shared with clients; send tensors in the request",
        "TraceSetting" | "LogSettings" => "traces and logs are set where the server is started",
        _ => return None,
    };
    Some(format!("'{method}' is not answered here: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::DESCRIPTORS;
    use prost::Message as _;
    use tonic_health::pb::FILE_DESCRIPTOR_SET as HEALTH;
    use tonic_reflection::pb::{v1, v1alpha};

    #[test]
    fn every_method_that_is_described_has_a_right() {
        let mut found = Vec::new();
        for described in [DESCRIPTORS, HEALTH, v1::FILE_DESCRIPTOR_SET, v1alpha::FILE_DESCRIPTOR_SET] {
            let set = prost_types::FileDescriptorSet::decode(described).unwrap();
            for file in &set.file {
                for service in &file.service {
                    for method in &service.method {
                        let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                        assert!(right(&path).is_some(), "{path} has no rule");
                        assert_eq!(never(&path), None);
                        found.push(path);
                    }
                }
            }
        }
        assert_eq!(found.iter().filter(|path| path.starts_with("/inference.")).count(), 12);
        assert_eq!(found.iter().filter(|path| path.starts_with("/tidegate.v1.")).count(), 4);
        for path in [MODEL_INFER, MODEL_STREAM_INFER, SCORE] {
            assert!(found.iter().any(|known| known == path), "{path}");
        }
    }

    #[test]
    fn what_nobody_answers_has_no_right() {
        for path in [
            "",
            "/",
            "/inference.GRPCInferenceService/",
            "/a/b",
            "/inference.GRPCInferenceService/ModelInfer/x",
        ] {
            assert_eq!(right(path), None, "{path}");
        }
        let why = never("/inference.GRPCInferenceService/CudaSharedMemoryStatus").unwrap();
        assert!(why.starts_with("'CudaSharedMemoryStatus' is not answered here"), "{why}");
    }
}
