# A stand-in for pydantic: it runs in the scope of `host.py`, before it is asked for.
def pydantic():
    class FieldInfo:
        def __init__(self, default=..., default_factory=None):
            self.default, self.factory = default, default_factory

    def Field(default=..., *, default_factory=None, **named):
        return FieldInfo(default, default_factory)

    class ValidationError(ValueError):
        pass

    class BaseModel:
        """A class with fields, as pydantic has it. It takes values as they are."""

        def __init_subclass__(cls, **named):
            super().__init_subclass__(**named)
            fields = {}
            for base in reversed(cls.__mro__):
                for name in getattr(base, '__annotations__', None) or {}:
                    if name != 'model_config' and not name.startswith('_'):
                        fields[name] = getattr(cls, name, ...)
            cls.model_fields = fields

        def __init__(self, *args, **named):
            fields = type(self).model_fields
            if len(args) > len(fields):
                raise TypeError(f'{type(self).__name__}() takes at most {len(fields)} arguments ({len(args)} given)')
            values = dict(zip(fields, args))
            values.update(named)
            for name, default in fields.items():
                if name not in values:
                    if isinstance(default, FieldInfo):
                        default = default.factory() if default.factory else default.default
                    if default is ...:
                        raise ValidationError(f'{type(self).__name__}: field required: {name}')
                    values[name] = default if not isinstance(default, (list, dict, set)) else default.copy()
                setattr(self, name, values[name])

        @classmethod
        def model_validate(cls, values):
            return values if isinstance(values, cls) else cls(**values)

        @classmethod
        def model_validate_json(cls, text):
            import json

            return cls(**json.loads(text))

        def model_dump(self, **named):
            def plain(value):
                if isinstance(value, BaseModel):
                    return value.model_dump()
                if isinstance(value, (list, tuple)):
                    return type(value)(plain(item) for item in value)
                if isinstance(value, dict):
                    return {key: plain(item) for key, item in value.items()}
                return value

            return {name: plain(getattr(self, name)) for name in type(self).model_fields}

        def model_dump_json(self, indent=None, **named):
            import json

            return json.dumps(self.model_dump(), indent=indent)

        dict, json, parse_obj = model_dump, model_dump_json, model_validate

        def __eq__(self, other):
            return type(self) is type(other) and self.__dict__ == other.__dict__

        def __repr__(self):
            fields = ', '.join(f'{name}={getattr(self, name)!r}' for name in type(self).model_fields)
            return f'{type(self).__name__}({fields})'

    BaseModel.model_fields = {}
    module = Module('pydantic')
    module.BaseModel, module.Field, module.ValidationError = BaseModel, Field, ValidationError
    module.ConfigDict = dict
    return module
