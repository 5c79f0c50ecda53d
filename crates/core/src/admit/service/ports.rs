//! A Service's ports: their names and numbers, and that no two are the same.

use super::super::errors::{Errors, GoValue, Struct};
use super::super::rules;
use super::protocol;
use crate::object::{ServicePort, ServiceSpec};

pub(super) fn validate_ports(spec: &ServiceSpec, errors: &mut Errors) {
    let needs_name = spec.ports.len() > 1;
    for (index, port) in spec.ports.iter().enumerate() {
        let field = format!("spec.ports[{index}]");
        let is_repeated = spec.ports[..index].iter().any(|earlier| earlier.name == port.name);
        validate_port_name(port, &format!("{field}.name"), needs_name, is_repeated, errors);
        for complaint in rules::port_number(port.port) {
            errors.invalid(format!("{field}.port"), port.port, &complaint);
        }
        protocol(&port.protocol, &format!("{field}.protocol"), errors);
        rules::port_number_or_name(&port.target_port, &format!("{field}.targetPort"), errors);
        if let Some(protocol) = &port.app_protocol {
            let complaints = rules::qualified_name(protocol);
            errors.invalid_each(format!("{field}.appProtocol"), protocol, complaints);
        }
    }
}

fn validate_port_name(
    port: &ServicePort,
    field: &str,
    needs_name: bool,
    is_repeated: bool,
    errors: &mut Errors,
) {
    if !port.name.is_empty() {
        errors.invalid_each(field, &port.name, rules::dns_1123_label(&port.name));
        if is_repeated {
            errors.duplicate(field, &port.name);
        }
    } else if needs_name {
        errors.required(field, "");
    }
}

pub(super) fn validate_node_ports(spec: &ServiceSpec, errors: &mut Errors) {
    let with_number = || spec.ports.iter().enumerate().filter(|(_, port)| port.node_port != 0);
    if spec.r#type == "ClusterIP" {
        for (index, _) in with_number() {
            let detail = "may not be used when `type` is 'ClusterIP'";
            errors.forbidden(format!("spec.ports[{index}].nodePort"), detail);
        }
    }
    for (index, port) in with_number() {
        let is_same =
            |it: &ServicePort| (&it.protocol, it.node_port) == (&port.protocol, port.node_port);
        if spec.ports[..index].iter().any(is_same) {
            errors.duplicate(format!("spec.ports[{index}].nodePort"), port.node_port);
        }
    }
}

pub(super) fn validate_distinct_ports(spec: &ServiceSpec, errors: &mut Errors) {
    for (index, port) in spec.ports.iter().enumerate() {
        let is_same = |it: &ServicePort| (&it.protocol, it.port) == (&port.protocol, port.port);
        if spec.ports[..index].iter().any(is_same) {
            let (protocol, number) = (&port.protocol, port.port);
            let protocol = protocol.go();
            let value = Struct {
                go: format!(
                    "core.ServicePort{{Name:\"\", Protocol:{protocol}, AppProtocol:(*string)(nil), \
                     Port:{number}, TargetPort:intstr.IntOrString{{Type:0, IntVal:0, StrVal:\"\"}}, \
                     NodePort:0}}"
                ),
                json: format!(
                    "{{\"Name\":\"\",\"Protocol\":{protocol},\"AppProtocol\":null,\
                     \"Port\":{number},\"TargetPort\":0,\"NodePort\":0}}"
                ),
            };
            errors.duplicate(format!("spec.ports[{index}]"), value);
        }
    }
}
