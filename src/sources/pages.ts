// Every page of an IAM list. The gate (answer.ts) has seen to it that a truncated page has a marker.
import { AnswerError } from '../errors.ts'

type Page = {
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

/**
 * Asks for page after page, until one is not truncated.
 * @param list.most pages that the account's quotas allow at most
 * @throws {AnswerError} when a marker comes a second time, or the pages do not end
 */
export async function* pagesOf<T extends Page>(
  list: { readonly action: string; readonly most: number },
  ask: (more: { readonly Marker?: string }) => Promise<T>,
): AsyncGenerator<T> {
  const markers = new Set<string>()
  const wrong = (flaw: string, came: string): AnswerError =>
    new AnswerError(list.action, { flaw, came, status: 200 })
  let marker: string | undefined
  do {
    const page = await ask(marker === undefined ? {} : { Marker: marker })
    yield page
    marker = page.IsTruncated === true ? (page.Marker ?? '') : undefined
    if (marker === undefined) return
    if (marker === '' || markers.has(marker))
      throw wrong('a Marker that is not new: the list would never end', `page ${markers.size + 1}`)
    markers.add(marker)
  } while (markers.size < list.most)
  throw wrong('a list without end', `${list.most} pages, all of them truncated`)
}
