//! Python's rules for the arguments of a call, with words that say what there is.

use rustpython_vm::builtins::{PyBaseExceptionRef, PyDict, PyFloat, PyInt, PyList, PyStr, PyTuple};
use rustpython_vm::function::FuncArgs;
use rustpython_vm::{AsObject, PyObjectRef, PyRef, PyResult, VirtualMachine};

/// The arguments of a call in the order of the parameters.
pub(super) fn bind(
    name: &str,
    parameters: &[&str],
    args: FuncArgs,
    vm: &VirtualMachine,
) -> PyResult<Vec<Option<PyObjectRef>>> {
    if args.args.len() > parameters.len() {
        let (most, given) = (parameters.len(), args.args.len());
        return Err(vm.new_type_error(format!("{name}() takes at most {most} arguments ({given} given)")));
    }
    let mut values: Vec<_> = args.args.into_iter().map(Some).collect();
    values.resize_with(parameters.len(), || None);
    for (key, value) in args.kwargs {
        let key = key.to_string();
        let Some(position) = parameters.iter().position(|parameter| *parameter == key) else {
            let known = parameters.join(", ");
            return Err(vm.new_type_error(format!(
                "{name}() got an unexpected keyword argument '{key}'; it takes {known}"
            )));
        };
        if values[position].replace(value).is_some() {
            return Err(vm.new_type_error(format!("{name}() got multiple values for argument '{key}'")));
        }
    }
    Ok(values)
}

/// A text, of which `what` says which one it is.
pub(super) fn text(what: &str, value: PyObjectRef, vm: &VirtualMachine) -> PyResult<PyRef<PyStr>> {
    let text = value.downcast::<PyStr>().map_err(|other| wrong(what, "a str", &other, vm))?;
    match text.to_str() {
        Some(_) => Ok(text),
        None => Err(vm.new_value_error(format!("{what} holds half of a surrogate pair, which is no text"))),
    }
}

/// The bytes of a text from [`text`].
pub(super) fn utf8(text: &PyRef<PyStr>) -> &str {
    text.to_str().unwrap_or_default()
}

/// A whole number that is not negative.
pub(super) fn count(what: &str, value: &PyObjectRef, vm: &VirtualMachine) -> PyResult<usize> {
    let Some(number) = value.downcast_ref::<PyInt>() else {
        return Err(wrong(what, "an int", value, vm));
    };
    let digits = number.as_bigint().to_string();
    if digits.starts_with('-') {
        return Err(vm.new_value_error(format!("{what} is negative")));
    }
    Ok(digits.parse().unwrap_or(usize::MAX))
}

/// A number.
pub(super) fn number(what: &str, value: &PyObjectRef, vm: &VirtualMachine) -> PyResult<f32> {
    if let Some(number) = value.downcast_ref::<PyFloat>() {
        return Ok(number.to_f64() as f32);
    }
    match value.downcast_ref::<PyInt>() {
        Some(number) => Ok(number.as_bigint().to_string().parse().unwrap_or(f32::INFINITY)),
        None => Err(wrong(what, "a number", value, vm)),
    }
}

/// The texts of a list or a tuple.
pub(super) fn texts(what: &str, value: &PyObjectRef, vm: &VirtualMachine) -> PyResult<Vec<PyRef<PyStr>>> {
    let items = if let Some(list) = value.downcast_ref::<PyList>() {
        list.borrow_vec().to_vec()
    } else if let Some(tuple) = value.downcast_ref::<PyTuple>() {
        tuple.as_slice().to_vec()
    } else {
        return Err(wrong(what, "a list of str", value, vm));
    };
    items.into_iter().map(|item| text(what, item, vm)).collect()
}

/// The texts of a dict and their weights, if it is a dict.
pub(super) fn weights(
    what: &str,
    value: &PyObjectRef,
    vm: &VirtualMachine,
) -> PyResult<Option<Vec<(String, f32)>>> {
    let Some(dict) = value.downcast_ref::<PyDict>() else { return Ok(None) };
    let pairs = dict.into_iter().map(|(key, weight)| {
        let key = text(what, key, vm)?;
        Ok((utf8(&key).to_owned(), number("a weight", &weight, vm)?))
    });
    pairs.collect::<PyResult<_>>().map(Some)
}

fn wrong(what: &str, wanted: &str, value: &PyObjectRef, vm: &VirtualMachine) -> PyBaseExceptionRef {
    vm.new_type_error(format!("{what} must be {wanted}, not {}", value.class().name()))
}
