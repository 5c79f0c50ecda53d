//! The objects that a command's arguments name (`cli-runtime/pkg/resource/builder.go`).

use std::rc::Rc;

use svclab_core::object::Object;

use super::errors::{Done, Failed, error, refused};
use super::manifests::{self, Manifest};
use super::resources::{self, Resource};
use super::selector::{FieldSelector, LabelSelector};
use super::{Kubectl, all_failed};

/// What is asked for.
pub(crate) enum Asked {
    Named(Vec<(&'static Resource, String)>),
    /// All of these types that the selectors take.
    Listed(Vec<&'static Resource>),
    Files(Vec<Manifest>),
}

/// Objects that were found, and what was not.
pub(crate) struct Found {
    pub(crate) objects: Vec<(Rc<Object>, Option<String>)>,
    pub(crate) failures: Vec<Failed>,
    /// One object was asked for by name.
    pub(crate) is_single: bool,
    /// More than one type was asked for.
    pub(crate) several_types: bool,
    pub(crate) types: Vec<&'static Resource>,
}

/// The types and names of the arguments; `None` where there are none.
pub(crate) fn asked(kubectl: &Kubectl, arguments: &[String]) -> Done<Option<Asked>> {
    if !kubectl.flags.all("filename").is_empty() {
        let (manifests, failures) = manifests::read(kubectl);
        all_failed(failures)?;
        return Ok(Some(Asked::Files(manifests)));
    }
    if arguments.is_empty() {
        return Ok(None);
    }
    let has_slash = |it: &String| it.contains('/');
    if arguments.iter().any(has_slash) {
        return slashed(arguments).map(|it| Some(Asked::Named(it)));
    }
    let types = resources::types(&arguments[0]).map_err(Failed)?;
    if arguments.len() == 1 {
        return Ok(Some(Asked::Listed(types)));
    }
    if kubectl.flags.text("selector").is_some_and(|it| !it.is_empty()) {
        return Err(error("name cannot be provided when a selector is specified"));
    }
    if kubectl.flags.has("all-namespaces") {
        return Err(error("a resource cannot be retrieved by name across all namespaces"));
    }
    let names = &arguments[1..];
    let named = types.iter().flat_map(|it| names.iter().map(move |name| (*it, name.clone())));
    Ok(Some(Asked::Named(named.collect())))
}

fn slashed(arguments: &[String]) -> Done<Vec<(&'static Resource, String)>> {
    let mut res = Vec::new();
    for argument in arguments {
        let Some((words, name)) = argument.split_once('/') else {
            return Err(error(
                "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'",
            ));
        };
        if name.contains('/') || words.is_empty() || name.is_empty() {
            return Err(error(
                "arguments in resource/name form must have a single resource and name",
            ));
        }
        let types = resources::types(words).map_err(Failed)?;
        let [resource] = types.as_slice() else {
            return Err(error(
                "arguments in resource/name form must have a single resource and name",
            ));
        };
        res.push((*resource, name.to_owned()));
    }
    Ok(res)
}

/// The objects of the arguments, each with the file that named it.
pub(crate) fn find(kubectl: &Kubectl, asked: Asked) -> Done<Found> {
    let mut res = Found {
        objects: Vec::new(),
        failures: Vec::new(),
        is_single: false,
        several_types: false,
        types: Vec::new(),
    };
    match asked {
        Asked::Named(named) => {
            res.is_single = named.len() == 1;
            for (resource, name) in named {
                note(&mut res.types, resource);
                match kubectl.client.get(resource, &kubectl.namespace(), &name) {
                    Ok(object) => res.objects.push((object, None)),
                    Err(refusal) => res.failures.push(refused(&refusal, None)),
                }
            }
        }
        Asked::Listed(types) => {
            let mut labels = None;
            for resource in types {
                note(&mut res.types, resource);
                let labels = match &labels {
                    Some(labels) => labels,
                    None => labels.insert(label_selector(kubectl, resource)?),
                };
                let fields = field_selector(kubectl, resource)?;
                match kubectl.client.list(resource, kubectl.scope().as_deref()) {
                    Ok(objects) => {
                        let fits = |it: &Rc<Object>| {
                            labels.matches(&it.meta().labels) && fields.matches(&it.to_value())
                        };
                        res.objects.extend(objects.into_iter().filter(fits).map(|it| (it, None)));
                    }
                    Err(refusal) => res.failures.push(refused(&refusal, None)),
                }
            }
        }
        Asked::Files(manifests) => {
            res.is_single = manifests.len() == 1;
            for manifest in manifests {
                note(&mut res.types, manifest.resource);
                match kubectl.client.get_key(&manifest.key) {
                    Ok(object) => res.objects.push((object, Some(manifest.source))),
                    Err(refusal) => res.failures.push(refused(&refusal, None)),
                }
            }
        }
    }
    res.several_types = res.types.len() > 1;
    Ok(res)
}

fn note(types: &mut Vec<&'static Resource>, resource: &'static Resource) {
    if !types.contains(&resource) {
        types.push(resource);
    }
}

/// Both as the server words a mistake in them.
fn bad_selector(kubectl: &Kubectl, resource: &Resource, why: &str) -> Failed {
    let text = |name| kubectl.flags.text_or(name, "");
    Failed(format!(
        "Error from server (BadRequest): Unable to find \"{}\" that match label selector \"{}\", field selector \"{}\": {why}",
        resource.go_resource(),
        text("selector"),
        text("field-selector"),
    ))
}

pub(crate) fn label_selector(kubectl: &Kubectl, resource: &Resource) -> Done<LabelSelector> {
    let selector = LabelSelector::parse(kubectl.flags.text_or("selector", ""));
    selector.map_err(|why| bad_selector(kubectl, resource, &why))
}

pub(crate) fn field_selector(kubectl: &Kubectl, resource: &Resource) -> Done<FieldSelector> {
    let selector = FieldSelector::parse(kubectl.flags.text_or("field-selector", ""), resource);
    selector.map_err(|why| bad_selector(kubectl, resource, &why))
}

/// The objects of a command that changes them one by one: all that were found, and at the end
/// what was not.
pub(crate) fn objects(kubectl: &Kubectl, arguments: &[String], nothing: &str) -> Done<Found> {
    let asked = asked(kubectl, arguments)?.ok_or_else(|| error(nothing))?;
    let lists = matches!(asked, Asked::Listed(_));
    let chosen = ["selector", "field-selector"].iter().any(|it| kubectl.flags.text(it).is_some());
    if lists && !chosen && !kubectl.flags.has("all") {
        return Err(error("resource(s) were provided, but no name was specified"));
    }
    find(kubectl, asked)
}

/// What commands say that are given nothing to work on.
pub(crate) const NOTHING: &str = "You must provide one or more resources by argument or filename.\nExample resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n   '<resource> <name>'\n   '<resource>'";
