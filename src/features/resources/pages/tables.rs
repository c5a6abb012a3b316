//! The three tables.

use askama::Template;

use super::frame::{ColumnKind, Frame};
use super::{Listable, Parts};
use crate::docker::objects::{Image, Network, Volume};
use crate::features::resources::query::SortBy;
use crate::features::resources::view::{ImageRow, NetworkRow, VolumeRow};
use crate::web::WebError;
use crate::web::page::Page;
use crate::web::shell::Shell;

#[derive(Template)]
#[template(path = "resources/images.html", blocks = ["content_images"])]
struct ImagesPage {
    shell: Shell,
    frame: Frame,
    rows: Vec<ImageRow>,
}

#[derive(Template)]
#[template(path = "resources/networks.html", blocks = ["content_networks"])]
struct NetworksPage {
    shell: Shell,
    frame: Frame,
    rows: Vec<NetworkRow>,
}

#[derive(Template)]
#[template(path = "resources/volumes.html", blocks = ["content_volumes"])]
struct VolumesPage {
    shell: Shell,
    frame: Frame,
    rows: Vec<VolumeRow>,
}

impl Listable for Image {
    const PATH: &'static str = "/images";
    const TITLE: &'static str = "Images";
    const PLACEHOLDER: &'static str = "Name, id or container";
    const ICON: &'static str = "disc";
    const EMPTY: &'static str = "Pull or build one, and it appears here by itself.";
    const COLUMNS: &'static [ColumnKind] = &[
        ("Image", "", Some(SortBy::Name)),
        ("Size", "r-size", Some(SortBy::Size)),
        ("Created", "r-age", Some(SortBy::Created)),
        ("Used by", "r-users", None),
    ];

    fn render(parts: Parts<'_, Self>) -> Result<Page, WebError> {
        let rows = parts.rows.iter().map(|row| ImageRow::new(row, parts.now)).collect();
        let page = ImagesPage { shell: parts.shell, frame: parts.frame, rows };
        if parts.fragment { Page::render(&page.as_content_images()) } else { Page::render(&page) }
    }
}

impl Listable for Network {
    const PATH: &'static str = "/networks";
    const TITLE: &'static str = "Networks";
    const PLACEHOLDER: &'static str = "Name, subnet or container";
    const ICON: &'static str = "network";
    const EMPTY: &'static str =
        "Create one, with docker network create or docker compose up, and it appears here by itself.";
    const COLUMNS: &'static [ColumnKind] = &[
        ("Network", "", Some(SortBy::Name)),
        ("Driver", "r-driver", Some(SortBy::Driver)),
        ("Subnet", "r-subnet", None),
        ("Used by", "r-users", None),
    ];

    fn render(parts: Parts<'_, Self>) -> Result<Page, WebError> {
        let rows = parts.rows.iter().map(NetworkRow::new).collect();
        let page = NetworksPage { shell: parts.shell, frame: parts.frame, rows };
        if parts.fragment { Page::render(&page.as_content_networks()) } else { Page::render(&page) }
    }
}

impl Listable for Volume {
    const PATH: &'static str = "/volumes";
    const TITLE: &'static str = "Volumes";
    const PLACEHOLDER: &'static str = "Name, project or container";
    const ICON: &'static str = "hard-drive";
    const EMPTY: &'static str =
        "Create one, with docker volume create or docker compose up, and it appears here by itself.";
    const COLUMNS: &'static [ColumnKind] = &[
        ("Volume", "", Some(SortBy::Name)),
        ("Driver", "r-driver", None),
        ("Project", "r-project", None),
        ("Created", "r-age", Some(SortBy::Created)),
        ("Used by", "r-users", None),
    ];

    fn render(parts: Parts<'_, Self>) -> Result<Page, WebError> {
        let rows = parts.rows.iter().map(|row| VolumeRow::new(row, parts.now)).collect();
        let page = VolumesPage { shell: parts.shell, frame: parts.frame, rows };
        if parts.fragment { Page::render(&page.as_content_volumes()) } else { Page::render(&page) }
    }
}
