// The key or the subject is asked for where the scope has one. What has a value stays in sight: it may be what is wrong.
{
  const scope = document.getElementById("id_scope");
  const shownFor = {api_key: ["key"], subject: ["end_user", "tier", "task", "model", "tag"]};

  function showFields() {
    for (const [name, scopes] of Object.entries(shownFor)) {
      const input = document.getElementById(`id_${name}`);
      const row = document.querySelector(`.field-${name}`);
      row.hidden = !scopes.includes(scope.value) && !input.value;
    }
  }

  if (scope) {
    scope.addEventListener("change", showFields);
    showFields();
  }
}
