//! Kubernetes objects as plain data, in the API's own words.
//!
//! Text fields stay text until an accessor gives them a type: a wrong word must reach the
//! validation that words the API server's error. Serialising gives what an API server returns.

mod cluster;
pub(crate) mod json;
mod endpoints;
mod meta;
mod network;
mod objects;
mod pod;
pub mod quantity;
mod service;
mod shared;
mod word;
mod workload;

use serde_json::{Map, Value};

use crate::key::{Kind, ObjectKey};

pub use cluster::*;
pub use endpoints::*;
pub use json::{Json, WrongType};
pub use meta::*;
pub use network::*;
pub use objects::{Id, Objects};
pub use pod::*;
pub use service::*;
pub use shared::Shared;
pub use word::Word;
pub use workload::*;

/// One object of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    Namespace(Namespace),
    Node(Node),
    Service(Service),
    Endpoints(Endpoints),
    EndpointSlice(EndpointSlice),
    Pod(Pod),
    Deployment(Deployment),
    ReplicaSet(ReplicaSet),
    StatefulSet(StatefulSet),
    DaemonSet(DaemonSet),
    ControllerRevision(ControllerRevision),
    Ingress(Ingress),
    IngressClass(IngressClass),
    NetworkPolicy(NetworkPolicy),
    ConfigMap(ConfigMap),
    /// A kind that is kept as it was written.
    Other(Other),
}

/// An object whose fields the lab gives no types.
#[derive(Debug, Clone, PartialEq)]
pub struct Other {
    pub kind: Kind,
    pub metadata: ObjectMeta,
    /// Everything beside `apiVersion`, `kind` and `metadata`.
    pub body: Map<String, Value>,
}

/// Runs the same code for the data of each variant.
macro_rules! each {
    ($object:expr, $data:ident => $code:expr) => {
        match $object {
            Object::Namespace($data) => $code,
            Object::Node($data) => $code,
            Object::Service($data) => $code,
            Object::Endpoints($data) => $code,
            Object::EndpointSlice($data) => $code,
            Object::Pod($data) => $code,
            Object::Deployment($data) => $code,
            Object::ReplicaSet($data) => $code,
            Object::StatefulSet($data) => $code,
            Object::DaemonSet($data) => $code,
            Object::ControllerRevision($data) => $code,
            Object::Ingress($data) => $code,
            Object::IngressClass($data) => $code,
            Object::NetworkPolicy($data) => $code,
            Object::ConfigMap($data) => $code,
            Object::Other($data) => $code,
        }
    };
}

impl Object {
    pub fn kind(&self) -> Kind {
        match self {
            Object::Namespace(_) => Kind::Namespace,
            Object::Node(_) => Kind::Node,
            Object::Service(_) => Kind::Service,
            Object::Endpoints(_) => Kind::Endpoints,
            Object::EndpointSlice(_) => Kind::EndpointSlice,
            Object::Pod(_) => Kind::Pod,
            Object::Deployment(_) => Kind::Deployment,
            Object::ReplicaSet(_) => Kind::ReplicaSet,
            Object::StatefulSet(_) => Kind::StatefulSet,
            Object::DaemonSet(_) => Kind::DaemonSet,
            Object::ControllerRevision(_) => Kind::ControllerRevision,
            Object::Ingress(_) => Kind::Ingress,
            Object::IngressClass(_) => Kind::IngressClass,
            Object::NetworkPolicy(_) => Kind::NetworkPolicy,
            Object::ConfigMap(_) => Kind::ConfigMap,
            Object::Other(other) => other.kind,
        }
    }

    pub fn meta(&self) -> &ObjectMeta {
        each!(self, data => &data.metadata)
    }

    pub fn meta_mut(&mut self) -> &mut ObjectMeta {
        each!(self, data => &mut data.metadata)
    }

    pub fn key(&self) -> ObjectKey {
        let meta = self.meta();
        ObjectKey::new(self.kind(), &meta.namespace, &meta.name)
    }

    /// The object as an API server writes it.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        map.insert("apiVersion".to_owned(), self.kind().api_version().into());
        map.insert("kind".to_owned(), self.kind().name().into());
        if let Value::Object(fields) = each!(self, data => data.to_json()) {
            map.extend(fields);
        }
        map.into()
    }

    /// Reads an object whose fields are known to have the right types (see [`crate::read`]).
    pub fn from_value(kind: Kind, value: Value) -> Result<Object, WrongType> {
        let mut wrong = None;
        let object = match kind {
            Kind::Namespace => Object::Namespace(Json::read(value, &mut wrong)),
            Kind::Node => Object::Node(Json::read(value, &mut wrong)),
            Kind::Service => Object::Service(Json::read(value, &mut wrong)),
            Kind::Endpoints => Object::Endpoints(Json::read(value, &mut wrong)),
            Kind::EndpointSlice => Object::EndpointSlice(Json::read(value, &mut wrong)),
            Kind::Pod => Object::Pod(Json::read(value, &mut wrong)),
            Kind::Deployment => Object::Deployment(Json::read(value, &mut wrong)),
            Kind::ReplicaSet => Object::ReplicaSet(Json::read(value, &mut wrong)),
            Kind::StatefulSet => Object::StatefulSet(Json::read(value, &mut wrong)),
            Kind::DaemonSet => Object::DaemonSet(Json::read(value, &mut wrong)),
            Kind::ControllerRevision => Object::ControllerRevision(Json::read(value, &mut wrong)),
            Kind::Ingress => Object::Ingress(Json::read(value, &mut wrong)),
            Kind::IngressClass => Object::IngressClass(Json::read(value, &mut wrong)),
            Kind::NetworkPolicy => Object::NetworkPolicy(Json::read(value, &mut wrong)),
            Kind::ConfigMap => Object::ConfigMap(Json::read(value, &mut wrong)),
            _ => Object::Other(Other::read(kind, value, &mut wrong)),
        };
        wrong.map_or(Ok(object), Err)
    }
}

impl Other {
    fn read(kind: Kind, value: Value, wrong: &mut Option<WrongType>) -> Other {
        let mut body = json::map(value, wrong);
        body.remove("apiVersion");
        body.remove("kind");
        let metadata = json::take(&mut body, "metadata", wrong);
        Other { kind, metadata, body }
    }

    fn to_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("metadata".to_owned(), self.metadata.to_json());
        map.extend(self.body.clone());
        map.into()
    }
}

/// `Object::Service(service)` from a `Service`, and back by reference.
macro_rules! variants {
    ($($name:ident $by_ref:ident,)*) => {
        $(
            impl From<$name> for Object {
                fn from(data: $name) -> Object {
                    Object::$name(data)
                }
            }

            impl Object {
                pub fn $by_ref(&self) -> Option<&$name> {
                    match self {
                        Object::$name(data) => Some(data),
                        _ => None,
                    }
                }
            }
        )*
    };
}

variants! {
    Namespace as_namespace,
    Node as_node,
    Service as_service,
    Endpoints as_endpoints,
    EndpointSlice as_endpoint_slice,
    Pod as_pod,
    Deployment as_deployment,
    ReplicaSet as_replica_set,
    StatefulSet as_stateful_set,
    DaemonSet as_daemon_set,
    ControllerRevision as_controller_revision,
    Ingress as_ingress,
    IngressClass as_ingress_class,
    NetworkPolicy as_network_policy,
    ConfigMap as_config_map,
    Other as_other,
}
