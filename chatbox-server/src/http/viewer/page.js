// Shows the API's document. Everything is set as text: the document cannot become markup.

const part = (name, text, kind) => {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (kind) made.className = kind;
  return made;
};

// A text, what stands in backticks as code.
const said = (name, text, kind) => {
  const made = part(name, '', kind);
  const pieces = (text ?? '').split('`');
  made.append(...pieces.map((it, at) => (at % 2 ? part('code', it) : it)));
  return made;
};

const api = await (await fetch('/openapi.json')).json();

// A schema as an example of itself, with every name in it followed once.
const example = (schema, seen = []) => {
  const name = schema?.$ref?.split('/').pop();
  if (name) {
    return seen.includes(name) ? `(${name})` : example(api.components.schemas[name], [...seen, name]);
  }
  const one = schema?.oneOf ?? schema?.anyOf ?? schema?.allOf;
  if (one) return example(one.find((it) => it.type !== 'null') ?? one[0], seen);
  if (schema?.enum) return schema.enum.join(' | ');
  const types = [schema?.type ?? 'anything'].flat();
  if (types.includes('array')) return [example(schema.items, seen)];
  if (types.includes('object') && schema.properties) {
    const wanted = schema.required ?? [];
    const field = ([key, inner]) => [wanted.includes(key) ? key : `${key}?`, example(inner, seen)];
    return Object.fromEntries(Object.entries(schema.properties).map(field));
  }
  return types.join(' | ');
};

const body = (title, content) => {
  const schema = Object.values(content ?? {})[0]?.schema;
  return schema ? [said('h4', title), part('pre', JSON.stringify(example(schema), null, 2))] : [];
};

const door = (path, method, operation) => {
  const [[scheme, scopes]] = Object.entries(operation.security?.[0] ?? { open: [] });
  const summary = part('summary');
  summary.append(
    part('span', `${scheme} ${scopes.join(' ')}`, 'scope'),
    part('span', method, 'method'),
    part('code', path),
    said('div', operation.summary),
  );
  const made = part('details');
  made.id = operation.operationId;
  made.append(summary);
  for (const it of operation.parameters ?? []) {
    const optional = it.required ? '' : ' (optional)';
    made.append(said('p', `\`${it.name}\`, in the ${it.in}${optional}: ${it.description ?? ''}`));
  }
  made.append(...body('Body', operation.requestBody?.content));
  for (const [status, answer] of Object.entries(operation.responses)) {
    if (status !== 'default') made.append(...body(`${status}: ${answer.description}`, answer.content));
  }
  return made;
};

document.getElementById('about').replaceWith(said('div', `${api.info.version}. ${api.info.description}`, 'about'));
const doors = Object.entries(api.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => [path, method, operation]));
for (const tag of api.tags) {
  const mine = doors.filter(([, , operation]) => operation.tags?.includes(tag.name));
  const list = document.getElementById('doors');
  list.append(part('h2', tag.name), said('p', tag.description), ...mine.map((it) => door(...it)));
}
