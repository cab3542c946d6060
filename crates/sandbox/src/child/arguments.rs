//! Python's rules for the arguments of a call.

use monty_types::{MontyException, MontyObject};

use super::exceptions::type_error;

/// The arguments of a call in the order of the parameters.
pub(super) fn bind(
    name: &str,
    parameters: &[&str],
    args: Vec<MontyObject>,
    kwargs: Vec<(MontyObject, MontyObject)>,
) -> Result<Vec<Option<MontyObject>>, MontyException> {
    if args.len() > parameters.len() {
        let (most, given) = (parameters.len(), args.len());
        return Err(type_error(format!("{name}() takes at most {most} arguments ({given} given)")));
    }
    let mut values: Vec<_> = args.into_iter().map(Some).collect();
    values.resize_with(parameters.len(), || None);
    for (key, value) in kwargs {
        let key = key.to_string();
        let Some(position) = parameters.iter().position(|parameter| *parameter == key) else {
            let known = parameters.join(", ");
            return Err(type_error(format!(
                "{name}() got an unexpected keyword argument '{key}'; it takes {known}"
            )));
        };
        if values[position].replace(value).is_some() {
            return Err(type_error(format!("{name}() got multiple values for argument '{key}'")));
        }
    }
    Ok(values)
}
