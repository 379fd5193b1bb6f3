<?php
/**
 * Plugin Name:       Deskside Agent Sidebar
 * Description:       Connects this store to Deskside: orders, parcels, return rights and refunds beside every helpdesk conversation.
 * Version:           0.1.0
 * Requires at least: 6.5
 * Requires PHP:      7.4
 * Requires Plugins:  woocommerce
 * Author:            Deskside
 * License:           GPL-2.0-or-later
 * License URI:       https://www.gnu.org/licenses/gpl-2.0.html
 * Text Domain:       deskside-agent-sidebar
 *
 * One page under WooCommerce: the address of the Deskside server, a button that starts the connection
 * (the store's own grant page does the rest), the state of the connection, and a way in.
 *
 * The plugin keeps one option and nothing else. It signs with the secret of the API key that the store
 * itself made for Deskside, so there is no further secret to copy, to leak or to forget.
 */

defined( 'ABSPATH' ) || exit;

const DESKSIDE_PAGE   = 'deskside-agent-sidebar';
const DESKSIDE_OPTION = 'deskside_app_url';
const DESKSIDE_RIGHT  = 'manage_woocommerce';

add_action( 'before_woocommerce_init', 'deskside_declare_compatibility' );
add_action( 'admin_menu', 'deskside_menu', 60 );
add_action( 'admin_post_deskside_save', 'deskside_save' );
add_action( 'admin_post_deskside_open', 'deskside_open' );
add_filter( 'plugin_action_links_' . plugin_basename( __FILE__ ), 'deskside_action_links' );
register_uninstall_hook( __FILE__, 'deskside_uninstall' );

/** Orders are only read through WooCommerce's REST API, so their storage does not matter. */
function deskside_declare_compatibility() {
	if ( class_exists( '\Automattic\WooCommerce\Utilities\FeaturesUtil' ) ) {
		\Automattic\WooCommerce\Utilities\FeaturesUtil::declare_compatibility( 'custom_order_tables', __FILE__, true );
	}
}

function deskside_menu() {
	add_submenu_page(
		'woocommerce',
		__( 'Agent sidebar', 'deskside-agent-sidebar' ),
		__( 'Agent sidebar', 'deskside-agent-sidebar' ),
		DESKSIDE_RIGHT,
		DESKSIDE_PAGE,
		'deskside_page'
	);
}

function deskside_action_links( $links ) {
	$label = __( 'Settings', 'deskside-agent-sidebar' );
	array_unshift( $links, '<a href="' . esc_url( deskside_page_url() ) . '">' . esc_html( $label ) . '</a>' );
	return $links;
}

function deskside_page_url( $notice = '' ) {
	$url = admin_url( 'admin.php?page=' . DESKSIDE_PAGE );
	return '' === $notice ? $url : add_query_arg( 'deskside', $notice, $url );
}

/** Address of the Deskside server, no trailing slash; empty until it is set. */
function deskside_app_url() {
	return (string) get_option( DESKSIDE_OPTION, '' );
}

/**
 * The base address that a person typed, or '' if it is none.
 *
 * Only https leaves the store's own machine: what is sent signs people in.
 */
function deskside_clean_url( $typed ) {
	$parts = wp_parse_url( trim( (string) $typed ) );
	if ( ! is_array( $parts ) || empty( $parts['scheme'] ) || empty( $parts['host'] ) || isset( $parts['user'] ) ) {
		return '';
	}
	$local = in_array( $parts['host'], array( 'localhost', '127.0.0.1' ), true );
	if ( 'https' !== strtolower( $parts['scheme'] ) && ! ( $local && 'http' === strtolower( $parts['scheme'] ) ) ) {
		return '';
	}
	$port = isset( $parts['port'] ) ? ':' . (int) $parts['port'] : '';
	$path = isset( $parts['path'] ) ? untrailingslashit( $parts['path'] ) : '';
	return esc_url_raw( strtolower( $parts['scheme'] ) . '://' . $parts['host'] . $port . $path );
}

function deskside_must_be_allowed( $action ) {
	if ( ! current_user_can( DESKSIDE_RIGHT ) ) {
		wp_die( esc_html__( 'You may not manage this shop.', 'deskside-agent-sidebar' ), '', array( 'response' => 403 ) );
	}
	check_admin_referer( $action );
}

/** The settings form. */
function deskside_save() {
	deskside_must_be_allowed( 'deskside_save' );
	$typed = isset( $_POST['deskside_app_url'] ) ? sanitize_text_field( wp_unslash( $_POST['deskside_app_url'] ) ) : '';
	$url   = deskside_clean_url( $typed );
	if ( '' !== $url ) {
		update_option( DESKSIDE_OPTION, $url, false );
		delete_transient( 'deskside_state' );
	}
	wp_safe_redirect( deskside_page_url( '' === $url ? 'bad-address' : 'saved' ) );
	exit;
}

/** The way into Deskside's own pages: a link for this person, good once and for a minute. */
function deskside_open() {
	deskside_must_be_allowed( 'deskside_open' );
	$address = deskside_signed_url( 'open', wp_get_current_user() );
	if ( '' === $address ) {
		wp_safe_redirect( deskside_page_url( 'not-connected' ) );
		exit;
	}
	// Not wp_safe_redirect: the target is another host by design, set by someone who manages the shop.
	wp_redirect( $address ); // phpcs:ignore WordPress.Security.SafeRedirect.wp_redirect_wp_redirect
	exit;
}

/**
 * The newest API key that this store made for Deskside, or null.
 *
 * WooCommerce keeps a hash of a key's first half and the second half as it is; the latter signs for us.
 */
function deskside_key() {
	global $wpdb;
	// phpcs:ignore WordPress.DB.DirectDatabaseQuery -- WooCommerce has no function that reads its keys.
	return $wpdb->get_row(
		$wpdb->prepare(
			"SELECT consumer_secret, permissions, last_access FROM {$wpdb->prefix}woocommerce_api_keys"
			. ' WHERE description LIKE %s ORDER BY key_id DESC LIMIT 1',
			$wpdb->esc_like( 'Deskside - API' ) . '%'
		)
	);
}

/**
 * An address below /woocommerce/plugin/ with proof that this store's own backend made it.
 *
 * Signed are purpose, site, e-mail, name, time and nonce, one a line, with HMAC-SHA256.
 */
function deskside_signed_url( $purpose, $user = null ) {
	$key = deskside_key();
	if ( '' === deskside_app_url() || ! $key ) {
		return '';
	}
	$said              = array(
		'site'  => untrailingslashit( home_url() ),
		'email' => $user ? $user->user_email : '',
		'name'  => $user ? str_replace( array( "\r", "\n" ), ' ', $user->display_name ) : '',
		'time'  => (string) time(),
		'nonce' => wp_generate_password( 32, false ),
	);
	$said['signature'] = hash_hmac( 'sha256', implode( "\n", array_merge( array( $purpose ), array_values( $said ) ) ), $key->consumer_secret );
	return deskside_app_url() . '/woocommerce/plugin/' . $purpose . '?' . http_build_query( $said, '', '&', PHP_QUERY_RFC3986 );
}

/** What Deskside says of this store, at most a minute old; null if it does not answer. */
function deskside_state() {
	$known = get_transient( 'deskside_state' );
	if ( is_array( $known ) ) {
		return $known;
	}
	$answer = wp_remote_get(
		deskside_signed_url( 'status' ),
		array(
			'timeout'             => 5,
			'redirection'         => 0,
			'limit_response_size' => 65536,
			'headers'             => array( 'Accept' => 'application/json' ),
		)
	);
	if ( is_wp_error( $answer ) || 200 !== wp_remote_retrieve_response_code( $answer ) ) {
		return null;
	}
	$state = json_decode( wp_remote_retrieve_body( $answer ), true );
	if ( ! is_array( $state ) ) {
		return null;
	}
	set_transient( 'deskside_state', $state, MINUTE_IN_SECONDS );
	return $state;
}

/** How many of Deskside's webhooks the store still sends, and how many there are. */
function deskside_webhooks() {
	$active = 0;
	$all    = 0;
	$ids    = \WC_Data_Store::load( 'webhook' )->search_webhooks( array( 'search' => 'Deskside ', 'limit' => 100 ) );
	foreach ( $ids as $id ) {
		$webhook = wc_get_webhook( $id );
		if ( $webhook && 0 === strpos( $webhook->get_name(), 'Deskside ' ) ) {
			++$all;
			$active += 'active' === $webhook->get_status() ? 1 : 0;
		}
	}
	return array( $active, $all );
}

/** One word of a state as a sentence for people. Unknown words are not shown. */
function deskside_words( $status ) {
	$words = array(
		'waiting'      => __( 'Connected. An admin of Deskside has to confirm this store before its orders are copied.', 'deskside-agent-sidebar' ),
		'installing'   => __( 'Connected. Your orders are being copied.', 'deskside-agent-sidebar' ),
		'active'       => __( 'Connected. Everything is up to date.', 'deskside-agent-sidebar' ),
		'degraded'     => __( 'Connected, but something needs your attention. Open Deskside to see what.', 'deskside-agent-sidebar' ),
		'disconnected' => __( 'Disconnected. Connect again to go on.', 'deskside-agent-sidebar' ),
	);
	return is_string( $status ) && isset( $words[ $status ] ) ? $words[ $status ] : '';
}

function deskside_notice() {
	// phpcs:ignore WordPress.Security.NonceVerification -- chooses between fixed sentences, changes nothing.
	$code    = isset( $_GET['deskside'] ) ? sanitize_key( wp_unslash( $_GET['deskside'] ) ) : '';
	$notices = array(
		'saved'         => array( 'success', __( 'Saved.', 'deskside-agent-sidebar' ) ),
		'bad-address'   => array( 'error', __( 'Enter the address of your Deskside server, beginning with https://', 'deskside-agent-sidebar' ) ),
		'not-connected' => array( 'error', __( 'Connect the store first.', 'deskside-agent-sidebar' ) ),
	);
	if ( isset( $notices[ $code ] ) ) {
		printf(
			'<div class="notice notice-%1$s is-dismissible"><p>%2$s</p></div>',
			esc_attr( $notices[ $code ][0] ),
			esc_html( $notices[ $code ][1] )
		);
	}
}

/** The page under WooCommerce. */
function deskside_page() {
	if ( ! current_user_can( DESKSIDE_RIGHT ) ) {
		return;
	}
	$app = deskside_app_url();
	?>
	<div class="wrap">
		<h1><?php esc_html_e( 'Agent sidebar', 'deskside-agent-sidebar' ); ?></h1>
		<?php deskside_notice(); ?>
		<p><?php esc_html_e( 'Deskside shows your support agents a customer’s orders, parcels and return rights beside every conversation, and pays back exactly once.', 'deskside-agent-sidebar' ); ?></p>
		<?php
		if ( '' !== $app ) {
			deskside_connection( $app );
		}
		deskside_settings( $app );
		?>
	</div>
	<?php
}

function deskside_connection( $app ) {
	$connected = (bool) deskside_key();
	$install   = add_query_arg( 'url', rawurlencode( untrailingslashit( home_url() ) ), $app . '/woocommerce/install' );
	?>
	<h2><?php esc_html_e( 'Connection', 'deskside-agent-sidebar' ); ?></h2>
	<?php
	if ( ! is_ssl() && 0 !== strpos( home_url(), 'https://' ) ) {
		?>
		<div class="notice notice-warning inline"><p><?php esc_html_e( 'This site is not on https. WooCommerce only hands out keys over https: switch it on first.', 'deskside-agent-sidebar' ); ?></p></div>
		<?php
	}
	if ( $connected ) {
		deskside_connected_rows();
	} else {
		?>
		<p><?php esc_html_e( 'Not connected yet. WooCommerce will ask whether Deskside may read and write; choose Approve.', 'deskside-agent-sidebar' ); ?></p>
		<?php
	}
	?>
	<p>
		<a class="button <?php echo esc_attr( $connected ? '' : 'button-primary' ); ?>" href="<?php echo esc_url( $install ); ?>">
			<?php echo esc_html( $connected ? __( 'Connect again', 'deskside-agent-sidebar' ) : __( 'Connect this store', 'deskside-agent-sidebar' ) ); ?>
		</a>
	</p>
	<?php
	if ( $connected ) {
		?>
		<form method="post" action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>" target="_blank">
			<input type="hidden" name="action" value="deskside_open">
			<?php wp_nonce_field( 'deskside_open' ); ?>
			<p><button class="button button-primary" type="submit"><?php esc_html_e( 'Open Deskside', 'deskside-agent-sidebar' ); ?></button></p>
		</form>
		<?php
	}
}

function deskside_connected_rows() {
	$state                = deskside_state();
	$words                = $state ? deskside_words( $state['status'] ?? '' ) : '';
	list( $active, $all ) = deskside_webhooks();
	?>
	<table class="widefat striped" style="max-width: 46rem">
		<tbody>
			<tr>
				<th scope="row"><?php esc_html_e( 'State', 'deskside-agent-sidebar' ); ?></th>
				<td><?php echo esc_html( '' !== $words ? $words : __( 'A key was handed out. Deskside has not confirmed it just now; open Deskside to see more.', 'deskside-agent-sidebar' ) ); ?></td>
			</tr>
			<?php if ( $state && isset( $state['done'], $state['total'] ) ) : ?>
			<tr>
				<th scope="row"><?php esc_html_e( 'Orders copied', 'deskside-agent-sidebar' ); ?></th>
				<td>
					<?php
					/* translators: 1: orders copied so far, 2: all orders. */
					echo esc_html( sprintf( __( '%1$s of %2$s', 'deskside-agent-sidebar' ), number_format_i18n( (int) $state['done'] ), number_format_i18n( (int) $state['total'] ) ) );
					?>
				</td>
			</tr>
			<?php endif; ?>
			<tr>
				<th scope="row"><?php esc_html_e( 'Webhooks', 'deskside-agent-sidebar' ); ?></th>
				<td>
					<?php
					/* translators: 1: active webhooks, 2: all webhooks of Deskside. */
					echo esc_html( sprintf( __( '%1$s of %2$s active', 'deskside-agent-sidebar' ), number_format_i18n( $active ), number_format_i18n( $all ) ) );
					?>
				</td>
			</tr>
		</tbody>
	</table>
	<?php
}

function deskside_settings( $app ) {
	?>
	<h2><?php esc_html_e( 'Settings', 'deskside-agent-sidebar' ); ?></h2>
	<form method="post" action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>">
		<input type="hidden" name="action" value="deskside_save">
		<?php wp_nonce_field( 'deskside_save' ); ?>
		<table class="form-table" role="presentation">
			<tr>
				<th scope="row"><label for="deskside_app_url"><?php esc_html_e( 'Deskside address', 'deskside-agent-sidebar' ); ?></label></th>
				<td>
					<input class="regular-text code" type="url" id="deskside_app_url" name="deskside_app_url" required
						placeholder="https://desk.example.com" value="<?php echo esc_attr( $app ); ?>"
						aria-describedby="deskside_app_url_help">
					<p class="description" id="deskside_app_url_help"><?php esc_html_e( 'Where your Deskside server lives, as your team opens it in the browser.', 'deskside-agent-sidebar' ); ?></p>
				</td>
			</tr>
		</table>
		<?php submit_button( __( 'Save', 'deskside-agent-sidebar' ), '' === $app ? 'primary' : 'secondary' ); ?>
	</form>
	<?php
}

/** The key and the webhooks stay: they are the merchant's to revoke, under WooCommerce, Settings, Advanced. */
function deskside_uninstall() {
	delete_option( DESKSIDE_OPTION );
	delete_transient( 'deskside_state' );
}
