"""The setting of erasure: the keys that opt-outs of erased numbers are kept with."""

from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from messaging.domain.erasure import Keyring
from messaging.setting_groups import named


def _are_keys(written: SecretStr | None) -> SecretStr | None:
    Keyring.of(written.get_secret_value() if written else "")
    return written


class ErasureSettings(BaseModel):
    """Erasure."""

    erasure_key: Annotated[SecretStr | None, AfterValidator(_are_keys)] = Field(
        None,
        validation_alias=named("MESSAGING_ERASURE_KEY"),
        description="Keeps opt-outs of erased numbers: 32 characters or more; older keys after it.",
    )

    @cached_property
    def keyring(self) -> Keyring:
        """The keys; none where nothing is set."""
        return Keyring.of(self.erasure_key.get_secret_value() if self.erasure_key else "")
