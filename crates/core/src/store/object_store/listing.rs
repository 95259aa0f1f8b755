//! A page of a listing, as the service wrote it. `object_store` would refuse a whole page for one foreign key
//! that it cannot name, such as the marker of a folder; here such keys are passed over.

use quick_xml::Reader;
use quick_xml::events::Event;

/// How many names a page has at most.
pub(super) const PAGE: usize = 1_000;

/// The most bytes that a page may have: names of a thousand bytes, escaped, and what stands around them.
pub(super) const MOST: u64 = 16 << 20;

/// What a page says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Names of objects, in the service's order.
    pub keys: Vec<String>,
    /// Beginnings of names, up to and with the delimiter.
    pub prefixes: Vec<String>,
    /// What the next page is asked for with; `None`: this is the last one.
    pub next: Option<String>,
}

/// Reads a page of S3, Google Cloud Storage or Azure.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(body: &[u8]) -> Result<Page, String> {
    let mut reader = Reader::from_reader(body);
    let mut page = Page::default();
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut text = String::new();
    let (mut is_listing, mut is_encoded) = (false, false);
    loop {
        match reader.read_event().map_err(|error| format!("its listing is no XML: {error}"))? {
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_vec();
                is_listing |=
                    names.is_empty() && matches!(&*name, b"ListBucketResult" | b"EnumerationResults");
                is_encoded =
                    start.attributes().flatten().any(|attribute| attribute.key.as_ref() == b"Encoded");
                names.push(name);
                text.clear();
            }
            Event::Text(part) => text.push_str(&part.decode().map_err(|error| error.to_string())?),
            Event::CData(part) => text.push_str(&part.decode().map_err(|error| error.to_string())?),
            Event::GeneralRef(entity) => {
                let referred = match entity.resolve_char_ref().map_err(|error| error.to_string())? {
                    Some(char) => Some(char.to_string()),
                    None => {
                        let name = entity.decode().map_err(|error| error.to_string())?;
                        quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned)
                    }
                };
                text.push_str(&referred.ok_or("its listing has an unknown entity")?);
            }
            Event::End(_) => {
                let value = std::mem::take(&mut text);
                let path: Vec<&[u8]> = names.iter().skip(1).map(Vec::as_slice).collect();
                match path.as_slice() {
                    // A name that XML cannot hold is not one of ours.
                    [b"Blobs", b"Blob" | b"BlobPrefix", b"Name"] if is_encoded => {}
                    [b"Contents", b"Key"] | [b"Blobs", b"Blob", b"Name"] => page.keys.push(value),
                    [b"CommonPrefixes", b"Prefix"] | [b"Blobs", b"BlobPrefix", b"Name"] => {
                        page.prefixes.push(value);
                    }
                    [b"NextContinuationToken" | b"NextMarker"] if !value.is_empty() => {
                        page.next = Some(value)
                    }
                    _ => {}
                }
                is_encoded = false;
                names.pop();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !is_listing || !names.is_empty() {
        return Err("its listing is none, or is cut off".to_owned());
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_s3_is_read_with_names_that_object_store_would_refuse() {
        let page = parse(
            br#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>p/</Prefix>
<Contents><Key>p/a&amp;b</Key><Size>1</Size></Contents><CommonPrefixes><Prefix>p/x/</Prefix></CommonPrefixes>
<Contents><Key> p//c&#x41; </Key><Owner><ID>Key</ID></Owner></Contents><Contents><Key>p/</Key></Contents>
<IsTruncated>true</IsTruncated><NextContinuationToken>t&lt;1</NextContinuationToken></ListBucketResult>"#,
        )
        .unwrap();
        assert_eq!(page.keys, ["p/a&b", " p//cA ", "p/"]);
        assert_eq!(page.prefixes, ["p/x/"]);
        assert_eq!(page.next.as_deref(), Some("t<1"));
    }

    #[test]
    fn a_page_of_azure_is_read_without_names_that_xml_cannot_hold() {
        let page = parse(
            br#"<EnumerationResults ContainerName="c"><Blobs><Blob><Name>a</Name><Properties/></Blob>
<Blob><Name Encoded="true">x%EF%BF%BF</Name></Blob><BlobPrefix><Name>d/</Name></BlobPrefix>
<Blob><Name>b</Name></Blob></Blobs><NextMarker/></EnumerationResults>"#,
        )
        .unwrap();
        assert_eq!(
            page,
            Page { keys: vec!["a".into(), "b".into()], prefixes: vec!["d/".into()], next: None }
        );
    }

    #[test]
    fn what_is_no_page_is_an_error_and_never_an_empty_one() {
        for body in [
            &b""[..],
            b"<html><body>Welcome</body></html>",
            b"<ListBucketResult><Contents><Key>a</Key></Contents>",
            b"<ListBucketResult><Contents></Key></ListBucketResult>",
            b"<ListBucketResult>&unknown;</ListBucketResult>",
        ] {
            assert!(parse(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }
}
