"""The templates: everything is escaped, and a name that is not given is an error."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from console.reports.evidence import CRITERIA, still_needed
from console.reports.marks import alarms_in_words, retraining_words
from console.web import values
from console.web.static_files import StaticContent


class Templates:
    """Renders the templates of the folder `templates`."""

    def __init__(self, static: StaticContent) -> None:
        self._environment = Environment(
            loader=PackageLoader("console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["static"] = static.url
        self._environment.globals["criterion_titles"] = CRITERIA
        self._environment.filters.update(
            age=values.age,
            iso=values.iso,
            utc=values.utc,
            num=values.number,
            pct=values.share,
            span=values.span,
            short=values.short,
            tone=values.tone,
            words=values.words,
            run_name=values.run_name,
            alarms=alarms_in_words,
            still_needed=still_needed,
            retraining=retraining_words,
            decimal=values.decimal,
        )

    def render(self, template: str, **given: Any) -> str:
        """Return a page as HTML."""
        return self._environment.get_template(template).render(**given)
