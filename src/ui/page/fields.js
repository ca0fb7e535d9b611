/** What stands in the fields of the page. */

/** @param {Event} event @returns {string} of the field that it comes from */
export function textOf(event) {
  const { currentTarget: field } = event
  return field instanceof HTMLInputElement || field instanceof HTMLSelectElement ? field.value : ''
}

/** @param {Event} event */
export function isChecked(event) {
  return event.currentTarget instanceof HTMLInputElement && event.currentTarget.checked
}

/**
 * @param {Event} event of a form
 * @returns {(name: string) => string} the text of a field
 */
export function formOf(event) {
  const { currentTarget: form } = event
  const data = form instanceof HTMLFormElement ? new FormData(form) : new FormData()
  return (name) => {
    const value = data.get(name)
    return typeof value === 'string' ? value.trim() : ''
  }
}
